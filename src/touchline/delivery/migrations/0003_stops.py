from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('delivery', '0002_messages_by_conversation'),
    ]

    operations = [
        migrations.CreateModel(
            name='Stop',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sort', models.CharField(max_length=16)),
                ('name', models.CharField(max_length=128)),
                ('service_too', models.BooleanField()),
                ('since', models.BigIntegerField()),
                ('by', models.CharField(max_length=120)),
            ],
            options={
                'db_table': 'delivery_stop',
                'constraints': [models.UniqueConstraint(fields=('sort', 'name'), name='delivery_stop_once')],
            },
        ),
    ]
