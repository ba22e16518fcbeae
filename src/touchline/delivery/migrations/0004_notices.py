from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('delivery', '0003_stops'),
    ]

    operations = [
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64)),
                ('message_id', models.CharField(max_length=32)),
                ('digest', models.CharField(max_length=64)),
                ('conversation', models.CharField(max_length=128)),
                ('channel', models.CharField(max_length=16)),
                ('at', models.BigIntegerField()),
                ('variables', models.TextField()),
            ],
            options={
                'db_table': 'delivery_notice',
                'indexes': [models.Index(fields=['at'], name='delivery_notice_at')],
                'constraints': [
                    models.UniqueConstraint(fields=('name',), name='delivery_notice_once'),
                    models.UniqueConstraint(fields=('message_id',), name='delivery_notice_message'),
                ],
            },
        ),
    ]
