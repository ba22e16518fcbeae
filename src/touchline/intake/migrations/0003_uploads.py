from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('intake', '0002_blocks'),
    ]

    operations = [
        migrations.CreateModel(
            name='Upload',
            fields=[
                ('upload_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('size', models.BigIntegerField()),
                ('uploaded_at', models.BigIntegerField()),
                ('uploaded_by', models.CharField(max_length=254)),
                ('import_name', models.CharField(blank=True, max_length=63)),
                ('job', models.CharField(blank=True, max_length=8)),
                ('state', models.CharField(max_length=8)),
                ('begun_at', models.BigIntegerField(null=True)),
                ('ended_at', models.BigIntegerField(null=True)),
                ('told', models.JSONField(default=dict)),
                ('fault', models.TextField(blank=True)),
            ],
            options={
                'db_table': 'intake_upload',
            },
        ),
    ]
